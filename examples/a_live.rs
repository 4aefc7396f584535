use std::rc::Rc; use std::cell::RefCell; use std::time::{Duration,Instant};
use hydrant::acme::*; use hydrant::key::*; use hydrant::csr::Csr; use hydrant::chain::Chain; use hydrant::identifier::Identifier;
type R<T=()> = Result<T, Box<dyn std::error::Error>>;
fn ids(v:&[&str])->Vec<Identifier>{v.iter().map(|s|s.parse().unwrap()).collect()}
fn options(log:&Rc<RefCell<Vec<String>>>)->ClientOptions{
  let log=Rc::clone(log);
  ClientOptions{roots_pem:vec![std::fs::read("/tmp/a/p/ca.pem").unwrap()],roots_only:std::env::var("SYSROOTS").is_err(),no_proxy:true,
   observer:Some(Rc::new(move |e:&Exchange<'_>| log.borrow_mut().push(format!("{} {} {:?} {:?} end={} {}",e.method,e.url,e.status,e.elapsed,e.ends_attempt,if e.status.is_some_and(|s|s>=400){String::from_utf8_lossy(e.body).replace('\n'," ")}else{e.failure.clone().unwrap_or_default()})))),..Default::default()}
}
async fn client(port:u16,log:&Rc<RefCell<Vec<String>>>)->R<Client>{
  Ok(Client::connect(&format!("https://127.0.0.1:{port}/dir").parse()?,options(log)).await?)
}
async fn set_txt(name:&str,value:&str){
  let b=format!("{{\"host\":\"_acme-challenge.{name}.\",\"value\":\"{value}\"}}");
  use tokio::io::{AsyncReadExt,AsyncWriteExt};
  let mut s=tokio::net::TcpStream::connect("127.0.0.1:28055").await.unwrap();
  s.write_all(format!("POST /set-txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{b}",b.len()).as_bytes()).await.unwrap();
  let mut v=vec![]; s.read_to_end(&mut v).await.unwrap();
}
async fn issue(a:&Account,names:&[Identifier],kind:KeyType,profile:Option<&str>,replaces:Option<&str>)->R<(Chain,Downloaded,PrivateKey)>{
  let mut o=a.new_order(&NewOrder{identifiers:names,profile,replaces}).await?;
  if o.status==OrderStatus::Pending{
   let auths=a.authorizations(&o).await?;
   let mut todo=vec![];
   for z in &auths { let c=z.challenge("dns-01").or(z.challenge("http-01")).unwrap();
     let ka=key_authorization(c.token.as_deref().unwrap(),a.thumbprint());
     if std::env::var("DNS").is_ok(){ set_txt(&z.identifier.value(),&dns01_record_value(&ka)).await; }
     todo.push(a.answer(c)); }
   futures_util::future::try_join_all(todo).await?;
   o=a.poll_order(&o,OrderGoal::Ready,Duration::from_secs(30)).await?;
  }
  if o.status!=OrderStatus::Ready{ return Err(format!("{o:?}").into()); }
  let key=PrivateKey::generate(kind)?;
  let csr=Csr::new(names,&key,false)?;
  let o=a.finalize(&o,csr.der()).await?;
  let o=a.poll_order(&o,OrderGoal::Issued,Duration::from_secs(30)).await?;
  let d=a.certificate(&o).await?;
  let ch=Chain::parse(&d.pem)?;
  ch.check(key.public_key_der(),names,time::OffsetDateTime::now_utc())?;
  Ok((ch,d,key))
}
fn der(ch:&Chain)->Vec<u8>{ use rustls_pki_types::pem::PemObject; rustls_pki_types::CertificateDer::from_pem_slice(ch.cert_pem().as_bytes()).unwrap().to_vec() }
async fn run()->R{
  let log=Rc::new(RefCell::new(vec![]));
  let mode=std::env::args().nth(1).unwrap_or("all".into());
  let n:usize=std::env::args().nth(2).map_or(1,|s|s.parse().unwrap());
  match mode.as_str(){
   "all"=>{
    for kind in [KeyType::P256,KeyType::P384,KeyType::P521,KeyType::Rsa2048,KeyType::Rsa4096]{
     let c=client(24000,&log).await?;
     let key=PrivateKey::generate(kind)?;
     assert!(Account::find(&c,&key).await?.is_none());
     let new=NewAccount{contacts:vec!["a@example.com".into()],terms_agreed:true,external_account:None};
     let (r1,r2)=tokio::join!(Account::register(&c,&key,&new),Account::register(&c,&key,&new));
     let (r1,r2)=(r1?,r2?); assert_eq!(r1.account.url(),r2.account.url()); assert!(r1.created!=r2.created);
     let r=Account::find(&c,&key).await?.unwrap(); assert_eq!(r.account.url(),r1.account.url());
     let a=Account::known(&c,key.clone(),r1.account.url().to_string().parse()?);
     println!("{kind} {:?} {}",a.show().await?.contacts,r1.body.replace('\n'," "));
     println!("  {:?}",a.update_contacts(&["b@example.com".into()]).await?.contacts);
     for ck in [KeyType::P256,KeyType::P384,KeyType::Rsa2048]{
      let names=ids(&["x.example.com","*.x.example.com","y.example.com"]);
      let (ch,d,k)=issue(&a,&names,ck,Some("short"),None).await?;
      println!("  {ck} issued, {} alternates, ends at {:?}",d.alternates.len(),ch.last_issuer());
      for alt in &d.alternates { let c2=Chain::parse(&a.certificate_at(alt).await?.pem)?; println!("    alt ends {}",c2.last_issuer()); assert_eq!(c2.leaf(),ch.leaf()); }
      let id=ch.leaf().renewal_id.clone().unwrap();
      println!("  {:?}",c.renewal_info(&id).await?);
      let (ch2,_,_)=issue(&a,&names,ck,None,Some(&id)).await?;
      let e=a.new_order(&NewOrder{identifiers:&names,profile:None,replaces:Some(&id)}).await.unwrap_err(); println!("  {e} {}",e.is_replaces_refused());
      a.revoke(&der(&ch2),Some(4)).await?;
      c.revoke_with_certificate_key(&der(&ch),&k,Some(1)).await?;
      let e=a.revoke(&der(&ch),None).await.unwrap_err(); println!("  {e}");
     }
     let e=a.new_order(&NewOrder{identifiers:&ids(&["blocked-domain.example"]),profile:None,replaces:None}).await.unwrap_err(); println!("  {e}");
     let e=a.new_order(&NewOrder{identifiers:&ids(&["ok.example"]),profile:Some("nope"),replaces:None}).await.unwrap_err(); println!("  {e}");
     // own key
     let names=ids(&["own.example.com"]);
     let o=a.new_order(&NewOrder{identifiers:&names,profile:None,replaces:None}).await?;
     let e=a.finalize(&o,Csr::new(&names,a.key(),false)?.der()).await.unwrap_err(); println!("  {e}");
     let e=a.finalize(&o,Csr::new(&names,&PrivateKey::generate(KeyType::P256)?,false)?.der()).await.unwrap_err(); println!("  {e}");
     let z=a.authorizations(&o).await?; let ch=&z[0].challenges; println!("  offers {:?}",ch.iter().map(|c|&c.kind).collect::<Vec<_>>());
     let c1=z[0].challenge("dns-01").unwrap(); a.answer(c1).await?; tokio::time::sleep(Duration::from_millis(50)).await; a.answer(c1).await?;
     let new=PrivateKey::generate(KeyType::P384)?;
     let b=a.rollover(&new).await?; assert_eq!(b.show().await?.status,"valid"); 
     let e=a.show().await.unwrap_err(); println!("  old key: {e}");
     b.deactivate().await?; let e=b.show().await.unwrap_err(); println!("  gone: {e}");
    }
    let c=client(24100,&log).await?;
    let key=PrivateKey::generate(KeyType::P256)?;
    let e=Account::register(&c,&key,&NewAccount{terms_agreed:true,..Default::default()}).await.unwrap_err(); println!("{e} {:?}",e.hints());
    for algorithm in [EabAlgorithm::Hs256,EabAlgorithm::Hs384,EabAlgorithm::Hs512]{
     let key=PrivateKey::generate(KeyType::Rsa2048)?;
     let x=Some(ExternalAccount{kid:"kid-1".into(),hmac_key:Secret::new("5tBa2q1YPDDrxSQH6ac8Zb-EajiBuFKQnGLf9pnxIyALGN4mNiGRNrZ8xv1QvrnP-gQwj8Zv3FFyGrMYSe9bDA"),algorithm});
     match Account::register(&c,&key,&NewAccount{terms_agreed:true,external_account:x,contacts:vec![]}).await { Ok(r)=>println!("eab {algorithm:?} {}",r.created), Err(e)=>println!("eab {algorithm:?}: {e}") }
    }
    let e=Account::register(&c,&key,&NewAccount{terms_agreed:true,external_account:Some(ExternalAccount{kid:"kid-2".into(),hmac_key:Secret::new("AAAA"),algorithm:EabAlgorithm::Hs256}),contacts:vec![]}).await.unwrap_err(); println!("{e}");
   }
   "setup"=>{ let c=client(24000,&log).await?; let key=PrivateKey::generate(KeyType::P256)?; let r=Account::register(&c,&key,&NewAccount{terms_agreed:true,..Default::default()}).await?; std::fs::write("/tmp/a/key.pem",key.to_pem().expose())?; std::fs::write("/tmp/a/url",r.account.url().as_str())?; }
   "one"|"certs"|"names"=>{
     let t=Instant::now();
     let key=PrivateKey::from_pem(&std::fs::read_to_string("/tmp/a/key.pem")?)?;
     let c=client(24000,&log).await?;
     let t1=t.elapsed();
     let a=Account::known(&c,key,std::fs::read_to_string("/tmp/a/url")?.parse()?);
     if mode=="names"{ let v:Vec<Identifier>=(0..n).map(|i|format!("n{i}.example.com").parse().unwrap()).collect(); issue(&a,&v,KeyType::P256,None,None).await?; }
     else { let jobs=(0..n).map(|i|{let a=a.clone(); async move { issue(&a,&ids(&[&format!("c{i}.example.com")]),KeyType::P256,None,None).await.map(drop).map_err(|e|e.to_string()) }});
       let r=futures_util::future::join_all(jobs).await; let bad:Vec<_>=r.iter().filter_map(|r|r.as_ref().err()).collect(); if !bad.is_empty(){println!("{} FAILED: {}",bad.len(),bad[0]);} }
     let l=log.borrow(); let nn=l.iter().filter(|l|l.contains("nonce-plz")).count(); let od=l.iter().filter(|l|l.contains("/my-order/")).count();
     println!("{mode} {n}: {:?} (connect {:?}), {} exchanges, {} newNonce, {} order polls",t.elapsed(),t1,l.len(),nn,od);
   }
   _=>{}
  }
  if std::env::var("LOG").is_ok(){ for l in log.borrow().iter(){println!("{l}");} }
  Ok(())
}
fn main(){ let rt=tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(); if let Err(e)=rt.block_on(run()){ println!("FAIL {e}"); std::process::exit(1);} }
